import { expect, test } from 'vitest';
import { asCurl, bodyOf, type Capture, fileName } from './capture';

const encoded = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
const of = (text: string, type?: string) =>
  bodyOf(encoded(text), type === undefined ? {} : { 'content-TYPE': type });

test('a body is what its content type says, and JSON where nothing is said', () => {
  expect(of('{"a": "ü"}', 'application/json; charset=utf-8')).toMatchObject({
    kind: 'json',
    value: { a: 'ü' },
  });
  expect(of('[1]')?.kind).toBe('json');
  expect(of('data: x\n\n', 'text/event-stream')).toMatchObject({
    kind: 'events',
    text: 'data: x\n\n',
  });
  expect(of('x', 'image/png')?.kind).toBe('image');
  expect(of('x', 'audio/mpeg')?.kind).toBe('audio');
  expect(of('a: b', 'application/yaml')?.kind).toBe('text');
  expect(of('x', 'application/octet-stream')?.kind).toBe('binary');
  expect(of('', 'application/json')?.kind).toBe('empty');
  expect(bodyOf(null, {})).toBeNull();
});

test('what says that it is JSON and is none is shown as it is', () => {
  expect(of('{"a": ', 'application/json')).toMatchObject({ kind: 'text', text: '{"a": ' });
});

test('files are called after what they hold', () => {
  expect(fileName(7, 'response', 'image/png')).toBe('response-7.png');
  expect(fileName(7, 'response', 'text/event-stream')).toBe('response-7.txt');
  expect(fileName(7, 'request', '')).toBe('request-7.bin');
});

test('a request can be made again in a shell', () => {
  const capture: Capture = {
    id: 1,
    req_path: '/v1/chat/completions',
    req_headers: { Host: 'x', 'Content-Length': '5', Authorization: '[REDACTED]', 'X-A': "it's" },
    req_body: encoded('{"q": "it\'s"}'),
    resp_headers: null,
    resp_body: null,
  };
  const body = bodyOf(capture.req_body, capture.req_headers);
  expect(asCurl('http://h:1/base/', capture, body)).toBe(
    `curl 'http://h:1/base/v1/chat/completions' \\
  -H 'Authorization: [REDACTED]' \\
  -H 'X-A: it'"'"'s' \\
  --data-raw '{"q": "it'"'"'s"}'
`,
  );
});
