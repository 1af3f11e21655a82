/** The least that a configuration needs. Pure. */
export function firstModel(windows: boolean): string {
  const path = windows ? 'C:\\models\\my-model.gguf' : '/path/to/my-model.gguf';
  const program = windows ? 'llama-server.exe' : 'llama-server';
  return `models:
  my-model:
    cmd: |
      ${program}
      --port \${PORT}
      --model ${path}
`;
}
