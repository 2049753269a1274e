// Who belongs to the cluster (§4 of the thesis), as a history: the newest membership *in the log* is the one in force.
//   M1. A membership holds from the moment its entry is appended, committed or not (C2).
//   M2. Truncating its entry brings back the one before (C3).
//   M3. A snapshot's membership replaces the whole history, newer uncommitted ones included (C4).
//   M4. Learners receive everything and count for nothing (B6).
//   M5. From one membership of the log to the next at most one voter comes or goes (§4.1 of the thesis): any quorum of the one
//       shares a voter with any quorum of the other. The first ever, of a node that had none, may be any.

import { assert, must } from "./assert.ts";
import type { Membership, NodeId } from "./types.ts";

interface Change {
  readonly index: number;
  readonly membership: Membership;
}

export class MembershipHistory {
  /** Ascending by index; the first is the one in force at the compacted index. Never empty. */
  #changes: Change[];

  constructor(base: Change, changes: readonly Change[]) {
    assertMembership(base.membership);
    this.#changes = [base];
    for (const { index, membership } of changes) this.append(index, membership);
  }

  get current(): Membership {
    return this.#newest().membership;
  }

  /** The index of the entry that brought the current one. */
  get currentIndex(): number {
    return this.#newest().index;
  }

  /** The membership in force as of `index`, which is not below the compacted one. */
  at(index: number): Membership {
    return must(
      this.#changes.findLast((change) => change.index <= index),
      "M1: a membership at every index of the log",
    ).membership;
  }

  /** The one before the current; undefined when that was compacted away. A leader has committed it before changing it (CH1). */
  get previous(): Membership | undefined {
    return this.#changes.at(-2)?.membership;
  }

  /** Was it ever a member, as far as the history goes back? */
  hasHad(id: NodeId): boolean {
    return this.#changes.some(({ membership }) => isMember(membership, id));
  }

  append(index: number, membership: Membership): void {
    assertMembership(membership);
    assert(index > this.currentIndex, "M1: memberships come in log order");
    assert(
      this.current.voters.length === 0 || votersApart(this.current, membership) <= 1,
      "M5: one voter at a time",
    );
    this.#changes.push({ index, membership });
  }

  truncateAfter(index: number): void {
    while (this.#changes.length > 1 && this.currentIndex > index) this.#changes.pop();
  }

  compact(index: number): void {
    while ((this.#changes[1]?.index ?? Infinity) <= index) this.#changes.shift();
  }

  reset(index: number, membership: Membership): void {
    assertMembership(membership);
    this.#changes = [{ index, membership }];
  }

  #newest(): Change {
    return must(this.#changes.at(-1), "a membership");
  }
}

export function isVoter(membership: Membership, id: NodeId): boolean {
  return membership.voters.includes(id);
}

export function isMember({ voters, learners }: Membership, id: NodeId): boolean {
  return voters.includes(id) || learners.includes(id);
}

export function membersOf({ voters, learners }: Membership): NodeId[] {
  return [...voters, ...learners];
}

/** How many voters the one has and the other has not. */
export function votersApart(a: Membership, b: Membership): number {
  let apart = 0;
  for (const id of a.voters) if (!b.voters.includes(id)) apart += 1;
  for (const id of b.voters) if (!a.voters.includes(id)) apart += 1;
  return apart;
}

// The payload of a `membership` entry. Numbers are big-endian:
//   u8 version · u16 voters · u64 each · u16 learners · u64 each · the rest is `context`, a byte for each character.
const version = 1;
const idBytes = 8;
const u32 = 0x1_0000_0000;
const contextMax = 32 * 1024;

export function encodeMembership(membership: Membership): Uint8Array {
  assertMembership(membership);
  const { voters, learners, context } = membership;
  const headBytes = 1 + 2 + voters.length * idBytes + 2 + learners.length * idBytes;
  const bytes = new Uint8Array(headBytes + context.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, version);
  let at = 1;
  for (const ids of [voters, learners]) {
    view.setUint16(at, ids.length);
    at += 2;
    for (const id of ids) {
      view.setUint32(at, Math.floor(id / u32));
      view.setUint32(at + 4, id % u32);
      at += idBytes;
    }
  }
  for (let i = 0; i < context.length; i += 1) bytes[at + i] = context.charCodeAt(i);
  return bytes;
}

/** Throws on bytes that this version does not know: a node that cannot read its membership must stop. */
export function decodeMembership(bytes: Uint8Array): Membership {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  assert(bytes.byteLength >= 5 && view.getUint8(0) === version, "membership: a known version");
  let at = 1;
  const readIds = (): NodeId[] => {
    assert(at + 2 <= bytes.byteLength, "membership: complete");
    const count = view.getUint16(at);
    at += 2;
    assert(at + count * idBytes <= bytes.byteLength, "membership: complete");
    const ids: NodeId[] = [];
    for (let n = 0; n < count; n += 1) {
      ids.push(view.getUint32(at) * u32 + view.getUint32(at + 4));
      at += idBytes;
    }
    return ids;
  };
  const voters = readIds();
  const learners = readIds();
  let context = "";
  for (; at < bytes.byteLength; at += 1) context += String.fromCharCode(view.getUint8(at));
  const membership = { voters, learners, context };
  assertMembership(membership);
  return membership;
}

function assertMembership({ voters, learners, context }: Membership): void {
  for (const ids of [voters, learners]) {
    let floor = 0;
    for (const id of ids) {
      assert(Number.isSafeInteger(id) && id > floor, "membership: positive ids, ascending");
      floor = id;
    }
  }
  assert(
    !learners.some((id) => voters.includes(id)),
    "membership: voters and learners are disjoint",
  );
  assert(context.length <= contextMax, "membership: a context of at most 32 KiB");
  for (let i = 0; i < context.length; i += 1) {
    assert(context.charCodeAt(i) < 0x80, "membership: a context in ASCII");
  }
}
