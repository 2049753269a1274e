// Which messages of a topic a subscription gets: those whose key begins so, and whose headers are equal in all that it names.

import type { Filter } from "./command.ts";
import type { Bytes } from "./store.ts";

export const matchesAll: Filter = { keyPrefix: "", headers: {} };

export function matches(
  filter: Filter,
  key: Bytes,
  headers: Readonly<Record<string, string>>,
): boolean {
  return key.startsWith(filter.keyPrefix) && contains(headers, filter.headers);
}

export function sameFilter(a: Filter, b: Filter): boolean {
  return (
    a.keyPrefix === b.keyPrefix &&
    Object.keys(a.headers).length === Object.keys(b.headers).length &&
    contains(a.headers, b.headers)
  );
}

type Headers = Filter["headers"];

function contains(headers: Headers, wanted: Headers): boolean {
  return Object.keys(wanted).every(
    (name) => Object.hasOwn(headers, name) && headers[name] === wanted[name],
  );
}
