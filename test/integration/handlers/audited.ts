// Reports what it is given and nothing else.

import { auditedHandler } from '../../support/audited-handler.ts';

export default auditedHandler(import.meta.url);
