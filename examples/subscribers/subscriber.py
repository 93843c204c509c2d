"""Follows the audit log of Signet: processes each event once, and checks each writer's chain.

Usage: python3 subscriber.py FILE     (pip install -r requirements.txt)
"""

import asyncio
import base64
import hashlib
import json
import os
import sys

import nats
from nats.js.api import AckPolicy, ConsumerConfig

NATS_URL = os.environ.get("NATS_URL", "nats://127.0.0.1:4222")
AUDIT_STREAM = os.environ.get("AUDIT_STREAM", "SIGNET_AUDIT")
SUBSCRIBER = os.environ.get("SUBSCRIBER", "billing")
PASSWORD_FILE = os.environ.get("PASSWORD_FILE", "")

seen = set()
# The hash of the last event of each writer up to which no link is missing, and what does not follow yet.
heads = {}
waiting = {}


def link(event_id, writer, prev_hash, own_hash):
    """Events can arrive before the one that they link to, so a link is judged when the stream is read to its end."""
    seen.add(event_id)
    waiting[writer, prev_hash] = (event_id, own_hash)
    while (follower := waiting.pop((writer, heads.get(writer, "")), None)) is not None:
        heads[writer] = follower[1]


def recall(path):
    """1. What an earlier run has processed: a line for each event, with its id and the hashes of its chain.

    Only whole lines: one without its end was not acknowledged, and comes again.
    """
    output = open(path, "a+b")
    output.seek(0)
    text = output.read()
    whole = text[: text.rfind(b"\n") + 1]
    output.truncate(len(whole))
    for line in whole.decode().splitlines():
        link(*line.split("\t"))
    return output


def take(body, output):
    """4. Processes an event, once."""
    # An int64 is a string in the JSON of protobuf: int(event["seq"]). A field that is empty is left out.
    event = json.loads(body)
    if event["eventId"] in seen:
        return
    if issued := event.get("tokenIssued"):
        claims = json.dumps(issued.get("claims", {}))
        print(f"token {issued['tokenId']} of {issued['profile']} grants {claims}", flush=True)
    # What you do for an event, and that it is done, must become durable together: here it is one line of a file. In a
    # database it is one transaction, with a unique index on the id.
    own_hash = base64.b64encode(hashlib.sha256(body).digest()).decode()
    line = (event["eventId"], event["writer"], event.get("prevHash", ""), own_hash)
    output.write("\t".join(line).encode() + b"\n")
    output.flush()
    os.fsync(output.fileno())
    link(*line)


async def main(path):
    output = recall(path)
    # 2. A durable consumer: the server remembers what was acknowledged.
    login = {}
    if PASSWORD_FILE:
        with open(PASSWORD_FILE) as secret:
            login = {"user": SUBSCRIBER, "password": secret.read().strip()}
    connection = await nats.connect(NATS_URL, inbox_prefix=f"_INBOX.{SUBSCRIBER}".encode(), **login)
    jetstream = connection.jetstream()
    # What is not acknowledged within 10 seconds is delivered again.
    config = ConsumerConfig(name=SUBSCRIBER, durable_name=SUBSCRIBER, ack_policy=AckPolicy.EXPLICIT, ack_wait=10)
    await jetstream.add_consumer(AUDIT_STREAM, config)
    subscription = await jetstream.pull_subscribe_bind(SUBSCRIBER, AUDIT_STREAM)
    while True:
        try:
            messages = await subscription.fetch(100, timeout=5)
        except asyncio.TimeoutError:  # nats.errors.TimeoutError is one, too; the library raises either.
            continue
        for message in messages:
            # 3. Checkpoints of the logs are in the stream too, and are no events.
            if not message.subject.startswith("signet.audit.checkpoint."):
                take(message.data, output)
            # 5. Acknowledged only when it is processed: what was not comes again.
            if not waiting or message.metadata.num_pending > 0:
                await message.ack()
                continue
            # At the end of the stream, when nothing comes again, a link that is open is a fault.
            await message.ack_sync(timeout=10)
            info = await subscription.consumer_info()
            if info.num_pending + info.num_ack_pending > 0:
                continue
            for (writer, _), (event_id, _) in waiting.items():
                text = f"broken chain: writer {writer}: what event {event_id} follows is missing or altered"
                print(text, file=sys.stderr, flush=True)


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "processed.txt"))
