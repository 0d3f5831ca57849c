// A module that needs another one, which is not there.

// @ts-expect-error it is not there
import './missing.ts';

export default () => undefined;
