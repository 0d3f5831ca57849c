// A module that throws what is no error.

// oxlint-disable-next-line typescript/only-throw-error
throw 'thrown on import';
