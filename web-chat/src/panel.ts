/** The embeddable panel: loading this module defines `<towpath-chat>`. */
import './chat/towpath-chat.ts';

export type { TowpathChat } from './chat/towpath-chat.ts';
