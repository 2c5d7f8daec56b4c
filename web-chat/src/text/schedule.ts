/** The schedules that a person picks without knowing cron, and the cron that they are. */

export type Every = 'demand' | 'hour' | 'day' | 'week' | 'cron';

export interface Picked {
  readonly every: Every;
  /** `HH:MM`. */
  readonly time: string;
  /** 0 is Sunday. */
  readonly weekday: number;
  readonly cron: string;
  readonly timezone: string;
}

export const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;

export type PlanSchedule = { readonly cron: string; readonly timezone: string } | null;

/** What the server is sent, or a sentence on what is wrong. */
export function toSchedule(picked: Picked): { readonly schedule: PlanSchedule } | { readonly error: string } {
  const timezone = picked.timezone.trim() || 'UTC';
  const clock = /^(\d{1,2}):(\d{2})$/.exec(picked.time);
  const at = clock === null ? null : `${Number(clock[2])} ${Number(clock[1])}`;
  switch (picked.every) {
    case 'demand': return { schedule: null };
    case 'hour': return { schedule: { cron: `${clock === null ? 0 : Number(clock[2])} * * * *`, timezone } };
    case 'day': return at === null ? { error: 'Choose a time of day.' } : { schedule: { cron: `${at} * * *`, timezone } };
    case 'week': return at === null ? { error: 'Choose a time of day.' } : { schedule: { cron: `${at} * * ${picked.weekday}`, timezone } };
    case 'cron': {
      const fields = picked.cron.trim().split(/\s+/);
      if (fields.length !== 5) return { error: 'A cron expression has five fields: minute, hour, day, month, weekday. `0 2 * * *` is 02:00 every day.' };
      return { schedule: { cron: fields.join(' '), timezone } };
    }
  }
}
