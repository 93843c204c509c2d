/** Unix seconds as a date; beyond what a Timestamp can hold (the year 9999) it is left out. */
export function timestampDate(seconds: number): Date;
export function timestampDate(seconds: number | undefined): Date | undefined;
export function timestampDate(seconds: number | undefined): Date | undefined {
  return seconds === undefined || seconds > 253_402_300_799 ? undefined : new Date(seconds * 1000);
}
