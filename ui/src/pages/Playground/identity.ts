/** How requests of this page can be told from others. */

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** Some random letters; `crypto.randomUUID` is there with https only. */
export function randomName(length: number): string {
  const numbers = crypto.getRandomValues(new Uint8Array(length));
  return Array.from(numbers, (number) => LETTERS[number % LETTERS.length]).join('');
}

/** What the in-flight list shows as the session of this page. */
const SESSION = `lspg-${randomName(5)}`;

/** The headers of a request of the Playground; `id` names it on the server too. */
export function headers(id = randomName(16)): Record<string, string> {
  return { 'X-Session-ID': SESSION, 'X-Request-ID': id };
}
