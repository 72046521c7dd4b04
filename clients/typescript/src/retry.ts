// Requests that are sent again while the server is away or busy.

/** What a server that is busy, or something before it whose server is away, answers with. */
export const BUSY: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const LONGEST_PAUSE = 5000;

/** A `fetch` that tries up to `retries` times more. A POST has the same `Idempotency-Key` each time, so it happens once. */
export function retrying(retries: number): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method === "POST" && !request.headers.has("Idempotency-Key")) {
      request.headers.set("Idempotency-Key", crypto.randomUUID());
    }
    for (let attempt = 0; ; attempt++) {
      let asked: string | null = null;
      try {
        const response = await fetch(request.clone());
        // Where the answer to an earlier try was lost, it is deleted already.
        if (request.method === "DELETE" && attempt > 0 && response.status === 404)
          return new Response(null, { status: 204 });
        if (!BUSY.has(response.status) || attempt === retries) return response;
        asked = response.headers.get("Retry-After");
        await response.body?.cancel();
      } catch (error) {
        if (attempt === retries || request.signal.aborted) throw error;
      }
      const seconds = asked === null ? NaN : Number(asked);
      const wanted = Number.isNaN(seconds) ? backoff(attempt, 200) : seconds * 1000;
      await pause(Math.min(wanted, LONGEST_PAUSE), request.signal);
    }
  };
}

/** How long to wait before the next try, in milliseconds; not as long for each client, so that they do not come at once. */
export function backoff(failures: number, first: number): number {
  return Math.min(first * 2 ** Math.min(failures, 10), LONGEST_PAUSE) * (0.5 + Math.random() / 2);
}

/** Waits, but fails at once where the signal is or gets aborted. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", stop, { once: true });
  });
}
