import type { AttachmentView } from '../protocol.ts';
import { shortId } from '../text/format.ts';

/** What an attachment's chip says. */
export function attachmentText(a: AttachmentView): string {
  if (a.kind === 'error_excerpt') {
    const line = a.text.trim().split('\n')[0] ?? '';
    return `Error: ${line.length > 48 ? `${line.slice(0, 47)}…` : line}`;
  }
  if (a.pipeline) return `Run of ${a.pipeline}`;
  return a.run ? `Run ${shortId(a.run)}` : 'Newest failed run';
}
