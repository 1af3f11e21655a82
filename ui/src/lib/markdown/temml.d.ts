/** The package types its bundle only, which has chemistry and more in it. */
declare module 'temml/temml.js' {
  export { default } from 'temml';
}
