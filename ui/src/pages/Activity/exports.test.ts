import { expect, test } from 'vitest';
import { COLUMNS } from './columns';
import { exported, summary } from './exports';
import { row } from './testing';

const NOW = new Date(2031, 3, 5, 6, 7, 8);
const columns = (...ids: string[]) => ids.flatMap((id) => COLUMNS.find((c) => c.id === id) ?? []);
const at = (minutes: number) => new Date(2031, 3, 5, 6, minutes).toISOString();

test('Markdown has a summary, the table, and the moment', () => {
  const rows = [
    row({ id: 2, timestamp: at(9), model: 'a|b\nc' }, { input_tokens: 100, prompt_per_second: 50 }),
    row({ id: 1, timestamp: at(5) }, { output_tokens: 10, tokens_per_second: 5 }),
  ];
  expect(exported('markdown', rows, columns('id', 'model', 'prompt', 'capture'), NOW)).toBe(
    `| Summary |  |
| --- | --- |
| Range | 2031-04-05 06:05:00 → 2031-04-05 06:09:00 |
| Requests | 2 |
| Duration | 2.00s |
| Cached | 0 |
| Prompt | 100 (50.00 t/s) |
| Generated | 10 (5.00 t/s) |
| Drafted | - |

| ID | Model | Prompt |
| --- | --- | ---: |
| 2 | a\\|b c | 100 |
| 1 | a | – |

hotbay, 2031-04-05 06:07:08
`,
  );
});

test('speeds are those of the whole, not the mean of rates, and what was not told counts nowhere', () => {
  const told = Object.fromEntries(
    summary([
      row({}, { input_tokens: 900, prompt_per_second: 300, cache_tokens: -1 }),
      row({}, { input_tokens: 100, prompt_per_second: 10, cache_tokens: -1 }),
      row({}, { input_tokens: 50, prompt_per_second: -1, cache_tokens: -1 }),
    ]),
  );
  expect(told.Prompt).toBe('1,050 (76.92 t/s)');
  expect(told.Generated).toBe('0 (unknown)');
  expect(told.Cached).toBe('0');
});

test('CSV is quoted where it has to be, and holds no formula', () => {
  const rows = [
    row({ id: 1, model: 'say "hi", you' }),
    row({ id: 2, model: '=1+2' }),
    row({ id: 3, model: '' }),
  ];
  expect(exported('csv', rows, columns('id', 'model'), NOW)).toBe(
    'ID,Model\r\n1,"say ""hi"", you"\r\n2,\'=1+2\r\n3,\r\n',
  );
});

test('CSV has numbers that can be added up', () => {
  const timestamp = '2031-04-05T06:07:08Z';
  const rows = [
    row({ timestamp, duration_ms: 1234 }, { input_tokens: 12_345, prompt_per_second: 50.5 }),
    row({ timestamp, duration_ms: 7 }, { input_tokens: 5, prompt_per_second: -1 }),
  ];
  expect(exported('csv', rows, columns('time', 'prompt', 'prompt_speed', 'duration'), NOW)).toBe(
    `Time,Prompt,Prefill (t/s),Duration (ms)\r
${timestamp},12345,50.5,1234\r
${timestamp},5,,7\r
`,
  );
});

test('JSON holds whole rows', () => {
  const rows = [row({ id: 1 }), row({ id: 2 })];
  expect(JSON.parse(exported('json', rows, [], NOW))).toEqual(rows);
  const lines = exported('ndjson', rows, [], NOW).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual(rows);
});
