type Method = (...args: readonly unknown[]) => unknown;

/** A service whose methods are those of the real one; `current` throws the Problem of a call that comes before it is there. */
export function lateService<Service extends object>(current: () => Service): Service {
  const call =
    (name: string | symbol): Method =>
    (...args) =>
      (Reflect.get(current(), name) as Method)(...args);
  return new Proxy({} as Service, { get: (_, name) => call(name) });
}
