/** The server has refused a request. */
export class ApiError extends Error {
  override name = "ApiError";

  /** `status` is that of the answer, `detail` a sentence, or for 422 every fault. */
  constructor(
    readonly status: number,
    readonly detail: unknown,
    what: string,
  ) {
    super(`${what}: ${status} ${typeof detail === "string" ? detail : JSON.stringify(detail)}`);
  }

  /** The error that an answer tells of, whose body was not read. */
  static async of(response: Response, what: string): Promise<ApiError> {
    const text = await response.text();
    let detail: unknown = text;
    try {
      detail = (JSON.parse(text) as { detail?: unknown }).detail ?? text;
    } catch {
      // Not from the server itself, but from something before it.
    }
    return new ApiError(response.status, detail, what);
  }
}
