/** Rows for tests. */

import type { Row } from './rows';

export function row(changes: Partial<Row> = {}, tokens: Partial<Row['tokens']> = {}): Row {
  return {
    id: 1,
    timestamp: '2031-04-05T06:07:08Z',
    model: 'a',
    req_path: '/v1/chat/completions',
    resp_content_type: 'application/json',
    resp_status_code: 200,
    tokens: {
      cache_tokens: 0,
      draft_tokens: 0,
      draft_acc_tokens: 0,
      input_tokens: 0,
      output_tokens: 0,
      prompt_per_second: 0,
      tokens_per_second: 0,
      ...tokens,
    },
    duration_ms: 1000,
    has_capture: false,
    ...changes,
  };
}
