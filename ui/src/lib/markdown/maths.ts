/** Formulas as MathML, which browsers draw themselves. */

import temml from 'temml/temml.js';

/** Builds a formula inside an element; one that is wrong is shown as it was written. */
export function draw(formula: string, display: boolean, element: HTMLElement): void {
  try {
    temml.render(formula, element, {
      displayMode: display,
      throwOnError: true,
      // No links, pictures, classes or styles of the formula's own.
      trust: false,
      maxSize: [10, 100],
      maxExpand: 200,
    });
  } catch {
    element.textContent = formula;
  }
}
