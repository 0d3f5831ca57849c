// How many shards a session may take by now: few at first, so that the first one up does not grab what those that start with it
// are to have.

const FIRST_TAKES = 64;
/** By time and not by looks: its own takes wake a session to the next look. */
const DOUBLES_EVERY_MS = 1_000;

export interface TakeAllowance {
  left(now: number): number;
  spend(takes: number): void;
  reset(): void;
}

/** 64 in the first second, 128 in the next one and so on; what was not needed stays. */
export function createTakeAllowance(): TakeAllowance {
  let began: number | null = null;
  let spent = 0;
  return {
    left(now) {
      began ??= now;
      const seconds = 1 + Math.floor((now - began) / DOUBLES_EVERY_MS);
      return FIRST_TAKES * (2 ** seconds - 1) - spent;
    },
    spend(takes) {
      spent += takes;
    },
    reset() {
      began = null;
      spent = 0;
    },
  };
}
