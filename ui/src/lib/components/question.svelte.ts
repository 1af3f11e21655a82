/** Asks before something that cannot be undone; `Questions.svelte` shows what is asked. */

export interface Question {
  title: string;
  text: string;
  /** What the button that goes ahead says, such as "Unload". */
  yes: string;
}

interface Asked extends Question {
  answer: (yes: boolean) => void;
}

let asked = $state.raw<Asked | null>(null);

export function current(): Asked | null {
  return asked;
}

/** Resolves to whether to go ahead; a second question answers the first with no. */
export function ask(question: Question): Promise<boolean> {
  asked?.answer(false);
  return new Promise((resolve) => {
    asked = {
      ...question,
      answer: (yes) => {
        asked = null;
        resolve(yes);
      },
    };
  });
}
