// A processor whose transform gives its bytes too late.

export default { deserialize: (data: Uint8Array) => data, transform: async (data: Uint8Array) => data };
