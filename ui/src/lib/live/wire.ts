/** What the server sends on its event streams (spec/events-and-logs.md 7, docs/reference/http.md). */

export type State = 'stopped' | 'starting' | 'ready' | 'stopping';

/** An entry of `modelStatus`. */
export interface ModelStatus {
  id: string;
  name: string;
  description: string;
  /** Empty for models of peers; other words than those of `State` may come. */
  state: string;
  unlisted: boolean;
  /** Empty for local models. */
  peerID: string;
  aliases?: string[];
  capabilities?: Partial<Record<Capability, boolean>>;
  context_length?: number;
}

export type Capability =
  | 'vision'
  | 'audio_transcriptions'
  | 'audio_speech'
  | 'image_generation'
  | 'image_to_image'
  | 'function_calling'
  | 'reranker';

/** What a request spends its time with, in this order, the first three as far as they happen. */
export type Phase = 'queued' | 'swapping' | 'loading' | 'forwarded' | 'answering';

/** Why somebody waits, and for which models; `position` is 1 for the next, 0 outside the queue. */
export interface Wait {
  kind: string;
  models: string[];
  position: number;
}

/** A request in progress. What only hotbay tells is optional. */
export interface InFlight {
  id: string;
  timestamp: string;
  model: string;
  req_path: string;
  method: string;
  req_headers: Record<string, string>;
  remote_ip: string;
  resp_headers: Record<string, string>;
  resp_bytes: number;
  elapsed_ms: number;
  metadata?: Record<string, string>;
  request_id?: string;
  stream?: boolean;
  attempts?: number;
  status?: number;
  phase?: Phase;
  phases_ms?: Partial<Record<Phase, number>>;
  wait?: Wait | null;
}

export type InFlightChange =
  | { operation: 'snapshot'; requests?: InFlight[] }
  | { operation: 'upsert'; request: InFlight }
  | { operation: 'remove'; id: string };

export interface Failure {
  at: string;
  reason: string;
}

export interface ModelDetails {
  id: string;
  state: State;
  /** Since when it is in this state. */
  since: string;
  /** Why it came into it; may be empty. */
  reason: string;
  /** How long its last starts took. */
  load_seconds: number[];
  /** Why the last start failed, until one succeeds. */
  failure: Failure | null;
}

export interface Queue {
  swaps: { target: string; evict: string[]; phase: 'evicting' | 'starting'; waiting: number }[];
  waiting: {
    request: number;
    model: string;
    /** Seconds. */
    age: number;
    /** 0: it waits for a swap under way. */
    position: number;
    wait: Omit<Wait, 'position'>;
    /** Seconds until everybody makes way for it; null: they never will. */
    patience: number | null;
    text: string;
  }[];
}

/** What is wrong with a configuration, and where. */
export interface Problem {
  /** Empty if no file is to blame. */
  file: string;
  /** From 1; 0 if it concerns the file as a whole. */
  line: number;
  column: number;
  /** The value in question, such as `models.a.ttl`; may be empty. */
  path: string;
  message: string;
  /** The line of the file; may be empty. */
  source_line: string;
}

/** What became of the last attempt to load the configuration. */
export interface ConfigLoad {
  at: string;
  result: 'loaded' | 'reloaded' | 'refused';
  /** When that which is in force was loaded. */
  since: string;
  problems: Problem[];
  warnings: Problem[];
  models?: { added: string[]; removed: string[]; changed: string[] };
}

/** With what hotbay's own events begin. */
export interface EventsSnapshot {
  at: string;
  models: ModelDetails[];
  queue: Queue;
  inflight: InFlight[];
  profile: string | null;
  config: ConfigLoad;
  /** What has been written before; `model` is null for hotbay's own log. */
  logs: { model: string | null; text: string }[];
}

export interface StateEvent {
  at: string;
  model: string;
  generation: number;
  from: State;
  to: State;
  reason: string;
  seconds: number;
}

export interface SwapEvent {
  at: string;
  model: string;
  evict: string[];
  reason: string;
  runner_up: string;
}

export interface StartFailedEvent {
  at: string;
  model: string;
  reason: string;
}

/** hotbay's own events, by name. */
export interface Events {
  snapshot: EventsSnapshot;
  state: StateEvent;
  swap: SwapEvent;
  start_failed: StartFailedEvent;
  queue: Queue;
  patience: { at: string; request: number; model: string; waited: number };
  config: ConfigLoad;
  profile: { at: string; active: string | null };
  inflight: InFlightChange;
  activity: { id: number };
  log: { model: string | null; text: string };
  lost: { at: string; events: number; log_bytes: number };
}

/** llama-swap's messages, by type. */
export interface Messages {
  logData: { source: 'proxy' | 'upstream'; data: string };
  modelStatus: ModelStatus[];
  uiConfig: { activity?: { session_id?: string[] } };
  profileChanged: { active: string | null };
  inflight: InFlightChange;
  activity: { id: number };
}
