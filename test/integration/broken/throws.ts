// A module that throws while it is imported.

throw new Error('thrown on import');
