// Finds what a TypeScript module imports, by a lexer just good enough to see through comments, strings and regexes.

type Token = { readonly kind: 'word' | 'mark' | 'text'; readonly value: string };

/**
 * The specifiers of static imports and re-exports, of dynamic imports and of `import('...')` types, each in its order,
 * and of `require` and `process.getBuiltinModule`, which would be ways around the rule.
 */
export function importsOf(source: string): string[] {
  const tokens = tokensOf(source);
  const found: string[] = [];
  const valueAt = (i: number): string | undefined =>
    tokens[i]?.kind === 'text' ? undefined : tokens[i]?.value;
  const textAt = (i: number): string | undefined =>
    tokens[i]?.kind === 'text' ? tokens[i].value : undefined;
  const isMember = (i: number): boolean => valueAt(i - 1) === '.';

  tokens.forEach((token, i) => {
    if (token.kind !== 'word') return;
    const called = valueAt(i + 1) === '(' ? textAt(i + 2) : undefined;
    if (token.value === 'getBuiltinModule' && called !== undefined) found.push(called);
    if (isMember(i)) return;
    if (token.value === 'require' && called !== undefined) found.push(called);
    if (token.value === 'import') {
      // import 'x'; import('x'); import a, { b } from 'x'; not import.meta
      const bare = textAt(i + 1) ?? called;
      if (bare !== undefined) found.push(bare);
      else if (valueAt(i + 1) !== '(' && valueAt(i + 1) !== '.') pushDefined(found, fromAfter(i + 1));
    }
    if (token.value === 'export') {
      // export * from 'x'; export type { a } from 'x'; not export const from = ...
      const start = valueAt(i + 1) === 'type' ? i + 2 : i + 1;
      if (valueAt(start) === '*' || valueAt(start) === '{') pushDefined(found, fromAfter(start));
    }
  });
  return found;

  /** The specifier of the clause that starts here, if it has a `from`. */
  function fromAfter(start: number): string | undefined {
    let depth = 0;
    for (let i = start; i < tokens.length; i++) {
      const value = valueAt(i);
      if (value === '{') depth += 1;
      if (value === '}') depth -= 1;
      if (depth === 0 && value === 'from') {
        const specifier = textAt(i + 1);
        if (specifier !== undefined) return specifier;
      }
      if (depth === 0 && (value === ';' || value === '=' || value === '(' || textAt(i) !== undefined))
        return undefined;
      // `export { a }` without a `from`, and no semicolon either.
      if (depth === 0 && value === '}' && valueAt(i + 1) !== 'from') return undefined;
    }
    return undefined;
  }
}

function pushDefined(list: string[], value: string | undefined): void {
  if (value !== undefined) list.push(value);
}

/** One token at the position of `lastIndex`: blank, comment, string, word or mark. */
const TOKEN =
  /(?<blank>\s+|\/\/[^\n]*|\/\*[^]*?\*\/)|(?<text>'(?:[^'\\\n]|\\[^])*'|"(?:[^"\\\n]|\\[^])*")|(?<word>[\p{ID_Start}$_#][\p{ID_Continue}$]*)|(?<mark>[^])/uy;
const REGEX = /\/(?![*/])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/uy;
/** After these a slash starts a regex; after a name, a number or a closing bracket it divides. */
const BEFORE_REGEX = /^(?:[([{,;:=!&|?+\-*%<>~^]|return|typeof|case|in|of|await|yield|else|do)$/;

function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  /** For each open template placeholder, how many braces are open inside of it. */
  const placeholders: number[] = [];
  let at = 0;

  /** Skips the characters of a template up to its end or its next placeholder. */
  const skipTemplate = (): void => {
    let chunk = '';
    while (at < source.length) {
      const character = source[at]!;
      if (character === '`') {
        at += 1;
        tokens.push({ kind: 'text', value: chunk });
        return;
      }
      if (character === '$' && source[at + 1] === '{') {
        at += 2;
        placeholders.push(0);
        tokens.push({ kind: 'mark', value: '+' });
        return;
      }
      chunk += character;
      at += character === '\\' ? 2 : 1;
    }
  };

  while (at < source.length) {
    const last = tokens.at(-1);
    const mayBeRegex = last === undefined || (last.kind !== 'text' && BEFORE_REGEX.test(last.value));
    if (source[at] === '/' && mayBeRegex) {
      REGEX.lastIndex = at;
      const regex = REGEX.exec(source);
      if (regex !== null) {
        at = REGEX.lastIndex;
        tokens.push({ kind: 'mark', value: ')' });
        continue;
      }
    }
    TOKEN.lastIndex = at;
    const { blank, text, word, mark } = TOKEN.exec(source)!.groups!;
    at = TOKEN.lastIndex;
    if (blank !== undefined) continue;
    if (text !== undefined) tokens.push({ kind: 'text', value: text.slice(1, -1) });
    else if (word !== undefined) tokens.push({ kind: 'word', value: word });
    else if (mark === '`') skipTemplate();
    else if (mark === '}' && placeholders.at(-1) === 0) {
      placeholders.pop();
      skipTemplate();
    } else {
      if (mark === '{' && placeholders.length > 0) placeholders[placeholders.length - 1]! += 1;
      if (mark === '}' && placeholders.length > 0) placeholders[placeholders.length - 1]! -= 1;
      tokens.push({ kind: 'mark', value: mark! });
    }
  }
  return tokens;
}
