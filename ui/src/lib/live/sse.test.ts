import { expect, test } from 'vitest';
import { EventParser } from './sse';

const STREAM =
  'id: run-1\nevent: state\ndata: {"a":1}\n\n' +
  ': still here\n\n' +
  'event:message\ndata:{"b":2}\n\n' +
  'data: one\r\ndata: two\r\n\r\n' +
  'event: empty\n\n' +
  'id: run-2\ndata: ä€😀\n\n';

const EVENTS = [
  { name: 'state', data: '{"a":1}', id: 'run-1' },
  { name: 'message', data: '{"b":2}', id: 'run-1' },
  { name: 'message', data: 'one\ntwo', id: 'run-1' },
  { name: 'message', data: 'ä€😀', id: 'run-2' },
];

test('events are read from a whole stream', () => {
  expect(new EventParser().push(STREAM)).toEqual(EVENTS);
});

test('it does not matter how a stream is cut', () => {
  for (let at = 0; at <= STREAM.length; at += 1) {
    const parser = new EventParser();
    const events = [...parser.push(STREAM.slice(0, at)), ...parser.push(STREAM.slice(at))];
    expect(events).toEqual(EVENTS);
  }
  const parser = new EventParser();
  expect(Array.from(STREAM).flatMap((char) => parser.push(char))).toEqual(EVENTS);
});

test('an event that is not complete is not told', () => {
  expect(new EventParser().push('data: half\n')).toEqual([]);
});
