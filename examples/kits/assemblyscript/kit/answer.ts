import * as host from "./host";
import { Value } from "./json";
import { Fault } from "./operation";

/** What a function answers. Its methods give false where nothing more is taken. */
export class Answer {
  /** Why the host refused the status or the headers last. */
  fault: Fault | null = null;
  private code: i32 = 0;
  private headers: Value = Value.object();
  private begun: bool = false;

  /** Sets the status, 200 where it is not called. */
  status(status: i32): Answer {
    this.code = status;
    return this;
  }

  /** Sets a header, in place of what was set of it before. */
  set(name: string, value: string): Answer {
    this.headers.set(name, Value.array().push(value));
    return this;
  }

  /** Adds a value to a header. */
  add(name: string, value: string): Answer {
    const values = this.headers.get(name);
    if (values.isNull) return this.set(name, value);
    values.push(value);
    return this;
  }

  /** Tells the host the status and the headers, once. A head that is refused may be set
   * anew. */
  begin(): bool {
    if (!this.begun && (this.code != 0 || this.headers.names.length > 0)) {
      const head = Value.object().set("headers", this.headers);
      if (this.code != 0) head.set("status", this.code);
      if (!host.outputHead(head.toString())) {
        this.fault = Fault.last();
        return false;
      }
    }
    this.begun = true;
    return true;
  }

  /** Appends to the body. The status and the headers are final from then on. */
  write(data: Uint8Array): bool {
    return this.begin() && host.outputWrite(data);
  }

  /** Appends text to the body. */
  print(text: string): bool {
    return this.write(host.encode(text));
  }

  /** Sends what was written: from here on the answer is a stream. */
  flush(): bool {
    return this.begin() && host.outputFlush();
  }

  /** Answers with a body of a type. */
  bytes(status: i32, type: string, body: Uint8Array): bool {
    return this.status(status).set("Content-Type", type).write(body);
  }

  /** Answers with text. */
  text(status: i32, text: string): bool {
    return this.bytes(status, "text/plain; charset=utf-8", host.encode(text));
  }

  /** Answers with JSON. */
  json(status: i32, value: Value): bool {
    return this.bytes(status, "application/json", value.toBytes());
  }
}
