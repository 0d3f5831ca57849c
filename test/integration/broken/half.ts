// A processor that only writes, and a lease store that only opens.

export default { serialize: (value: unknown) => value };

export const createLeaseStore = () => ({ open() {} });
