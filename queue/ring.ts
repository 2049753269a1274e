// A first-in, first-out list with O(1) insert and remove anywhere: its members carry the links, so it allocates nothing.
//   N1. item.ring === this ⇔ the item is in this list; an item is in one list at most.

import { assert } from "./assert.ts";

export interface Linked<T extends Linked<T>> {
  ring: Ring<T> | undefined;
  previous: T | undefined;
  next: T | undefined;
}

export class Ring<T extends Linked<T>> {
  first: T | undefined = undefined;
  last: T | undefined = undefined;
  size = 0;

  push(item: T): void {
    assert(item.ring === undefined, "N1: already in a list");
    item.ring = this;
    item.previous = this.last;
    if (this.last === undefined) this.first = item;
    else this.last.next = item;
    this.last = item;
    this.size++;
  }

  remove(item: T): void {
    assert(item.ring === this, "N1: not in this list");
    const { previous, next } = item;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    item.ring = undefined;
    item.previous = undefined;
    item.next = undefined;
    this.size--;
  }
}
