// An entry that cannot be loaded.

throw new Error('this file cannot be loaded');
