export default {
  compilerOptions: {
    runes: true,
    // Less to send than markup that browsers parse.
    fragments: 'tree',
    // Short, as it is in the class of every element and thrice in what is sent.
    cssHash: ({ hash, css, filename }) => `s${hash(filename ?? css).slice(0, 5)}`,
  },
};
