// Mocha lets unhandled rejections pass; here each one fails the test during which it was seen.

const unhandled: unknown[] = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason));

export const mochaHooks = {
  afterEach(): void {
    if (unhandled.length === 0) return;
    const reasons = unhandled.splice(0);
    throw new Error(
      `${reasons.length} promise(s) were rejected and nobody looked: ${reasons.map(String).join('; ')}`,
      {
        cause: reasons[0],
      },
    );
  },
};
