import { credentials, type ServiceError } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import { type Profile, ProfileServiceClient, type ProfileSummary } from "../../../src/gen/signet/v1/profiles.ts";
import type { Service } from "../service/service.ts";

/** A client of the ProfileService, closed when the test is over. Its calls reject with the ServiceError. */
export function profileClient(t: ExecutionContext<unknown>, { app }: Pick<Service, "app">) {
  const client = new ProfileServiceClient(app.addresses.grpc, credentials.createInsecure());
  t.teardown(() => client.close());
  return {
    list: async (): Promise<ProfileSummary[]> =>
      (await answered<{ profiles: ProfileSummary[] }>((done) => client.listProfiles({}, done))).profiles,
    get: async (profile: string): Promise<Profile | undefined> =>
      (await answered<{ profile: Profile | undefined }>((done) => client.getProfile({ profile }, done))).profile,
  };
}

function answered<Answer>(call: (done: (error: ServiceError | null, answer: Answer) => void) => unknown) {
  return new Promise<Answer>((resolve, reject) => {
    call((error, answer) => (error === null ? resolve(answer) : reject(error)));
  });
}
