// The logger that a user may pass: the four methods of pino, console and most others in their (object, text) form.

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogFields = Readonly<Record<string, unknown>>;

export type Logger = {
  readonly [level in LogLevel]: (fields: LogFields, message: string) => void;
};

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
