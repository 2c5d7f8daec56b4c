/** What a screen reader is told of a conversation: whole sentences when they are done, not every word as it comes. */
import type { Conversation } from '../fold.ts';
import { phaseText } from '../ui/show.ts';

export function announcement(talk: Conversation): string {
  const last = talk.items.at(-1);
  if (last === undefined) return '';
  switch (last.kind) {
    case 'user': return talk.working ? 'Working on an answer.' : '';
    case 'agent': return last.ended ? last.text.replaceAll(/[`*#]/g, '') : 'Writing an answer.';
    case 'tools': return last.calls.at(-1)?.title ?? '';
    case 'question': return `Question: ${last.text}`;
    case 'plan': return last.state.is === 'proposed' ? `A plan is ready: ${last.view.name}. Confirm or dismiss it.` : `Plan ${last.state.is}.`;
    case 'rejected': return last.problems.map((p) => p.message).join(' ');
    case 'redacted': return `A secret was removed. ${last.text}`;
    case 'diagnosis': return last.causes[0] === undefined ? '' : `Likeliest cause: ${last.causes[0].title}.`;
    case 'action': return last.text;
    case 'out_of_scope': return last.text;
    case 'run': {
      const phase = talk.runs[last.run]?.phase;
      return phase === undefined ? '' : `Run ${phaseText(phase).toLowerCase()}.`;
    }
    case 'turn': return last.outcome === 'cancelled' ? 'Stopped.' : 'The answer could not be finished.';
  }
}
