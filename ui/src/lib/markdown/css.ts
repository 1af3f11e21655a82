/**
 * Style sheets for highlight.js, by their form and not by the names of all properties, which alone
 * are as large as four other grammars. Less and Sass are near enough.
 */

import type { LanguageFn } from 'highlight.js';

const css: LanguageFn = (hljs) => ({
  name: 'CSS',
  case_insensitive: true,
  contains: [
    hljs.C_BLOCK_COMMENT_MODE,
    hljs.APOS_STRING_MODE,
    hljs.QUOTE_STRING_MODE,
    { className: 'keyword', begin: /@[\w-]+|!important/ },
    { className: 'variable', begin: /(?:--|\$)[\w-]+/ },
    // What follows is bounded, so that a long line takes no time.
    { className: 'attribute', begin: /\b[a-z-]{1,40}(?=\s?:[^{;}]{1,200}[;}])/ },
    { className: 'selector-class', begin: /\.[a-z][\w-]*/ },
    { className: 'selector-id', begin: /#[\w-]{1,40}(?=[^{;}]{0,200}\{)/ },
    { className: 'number', begin: /#[\da-f]{3,8}\b|-?\b\d*\.?\d+(?:%|[a-z]{1,4}\b)?/ },
    { className: 'built_in', begin: /\b[a-z-]{1,40}(?=\()/ },
  ],
});

export default css;
