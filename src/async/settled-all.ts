/** As `Promise.all`, but rejects only when all have settled: no work goes on behind the caller's back. */
export async function settledAll<Work extends readonly Promise<unknown>[] | []>(work: Work) {
  await Promise.allSettled(work);
  return Promise.all(work);
}
