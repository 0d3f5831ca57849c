// Loaded with --import: puts the mutation named by MUTATION into the built files as they are read. A piece that is not there is an error.

import { register } from 'node:module';
import { MUTATIONS } from './mutations.ts';

const name = process.env.MUTATION ?? '';
const mutation = MUTATIONS[name];
if (mutation === undefined) throw new Error(`There is no mutation ${name}`);

const root = new URL('../../src/', import.meta.url).href;
const edits = (mutation.source ?? []).map(({ file, from, to }) => ({ url: `${root}${file}.js`, from, to }));

/** Hooks live in a thread of their own, so they come as text. */
const hooks = `
let edits;
export function initialize(given) { edits = given; }
export async function load(url, context, next) {
  const loaded = await next(url, context);
  const mine = edits.filter((edit) => edit.url === url);
  if (mine.length === 0) return loaded;
  let source = Buffer.from(loaded.source).toString('utf8');
  for (const { from, to } of mine) {
    if (source.split(from).length !== 2) throw new Error('Not once in ' + url + ': ' + from);
    source = source.replace(from, () => to);
  }
  return { ...loaded, source };
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`, import.meta.url, { data: edits });
