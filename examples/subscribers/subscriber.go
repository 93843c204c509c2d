// Follows the audit log of Signet: processes each event once, and checks each writer's chain.
// Usage: go run . FILE
package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What a subscriber reads of an event. An int64 is a string in the JSON of protobuf; a field that is empty is left out.
type auditEvent struct {
	EventID     string `json:"eventId"`
	Writer      string `json:"writer"`
	Epoch       int64  `json:"epoch,string"`
	Seq         int64  `json:"seq,string"`
	PrevHash    string `json:"prevHash"`
	TokenIssued *struct {
		Profile string          `json:"profile"`
		TokenID string          `json:"tokenId"`
		Claims  json.RawMessage `json:"claims"`
	} `json:"tokenIssued"`
}

// A place in a chain: the writer, and the hash of the event before.
type place struct{ writer, prevHash string }

type link struct{ id, hash string }

var (
	seen = map[string]bool{}
	// The hash of the last event of each writer up to which no link is missing, and what does not follow yet.
	heads   = map[string]string{}
	waiting = map[place]link{}
)

// Events can arrive before the one that they link to, so a link is judged when the stream is read to its end.
func follow(id, writer, prevHash, hash string) {
	seen[id] = true
	waiting[place{writer, prevHash}] = link{id, hash}
	for {
		head := place{writer, heads[writer]}
		next, found := waiting[head]
		if !found {
			return
		}
		delete(waiting, head)
		heads[writer] = next.hash
	}
}

// 1. What an earlier run has processed: a line for each event, with its id and the hashes of its chain. Only whole
// lines: one without its end was not acknowledged, and comes again.
func recall(path string) *os.File {
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		log.Fatal(err)
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	for line := range strings.Lines(string(whole)) {
		part := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		follow(part[0], part[1], part[2], part[3])
	}
	output := must(os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600))
	check(output.Truncate(int64(len(whole))))
	return output
}

// 4. Processes an event, once.
func take(body []byte, output *os.File) {
	var event auditEvent
	check(json.Unmarshal(body, &event))
	if seen[event.EventID] {
		return
	}
	if issued := event.TokenIssued; issued != nil {
		fmt.Printf("token %s of %s grants %s\n", issued.TokenID, issued.Profile, cmp.Or(string(issued.Claims), "{}"))
	}
	// What you do for an event, and that it is done, must become durable together: here it is one line of a file. In a
	// database it is one transaction, with a unique index on the id.
	sum := sha256.Sum256(body)
	hash := base64.StdEncoding.EncodeToString(sum[:])
	must(fmt.Fprintf(output, "%s\t%s\t%s\t%s\n", event.EventID, event.Writer, event.PrevHash, hash))
	check(output.Sync())
	follow(event.EventID, event.Writer, event.PrevHash, hash)
}

func main() {
	path := "processed.txt"
	if len(os.Args) > 1 {
		path = os.Args[1]
	}
	output := recall(path)

	// 2. A durable consumer: the server remembers what was acknowledged.
	subscriber := cmp.Or(os.Getenv("SUBSCRIBER"), "billing")
	options := []nats.Option{nats.CustomInboxPrefix("_INBOX." + subscriber)}
	if file := os.Getenv("PASSWORD_FILE"); file != "" {
		options = append(options, nats.UserInfo(subscriber, strings.TrimSpace(string(must(os.ReadFile(file))))))
	}
	connection := must(nats.Connect(cmp.Or(os.Getenv("NATS_URL"), nats.DefaultURL), options...))
	stream := must(jetstream.New(connection))
	// What is not acknowledged by then is delivered again.
	wait := 10 * time.Second
	config := jetstream.ConsumerConfig{Durable: subscriber, AckPolicy: jetstream.AckExplicitPolicy, AckWait: wait}
	name := cmp.Or(os.Getenv("AUDIT_STREAM"), "SIGNET_AUDIT")
	ctx := context.Background()
	consumer := must(stream.CreateOrUpdateConsumer(ctx, name, config))
	messages := must(consumer.Messages())
	for {
		message := must(messages.Next())
		// 3. Checkpoints of the logs are in the stream too, and are no events.
		if !strings.HasPrefix(message.Subject(), "signet.audit.checkpoint.") {
			take(message.Data(), output)
		}
		// 5. Acknowledged only when it is processed: what was not comes again.
		if len(waiting) == 0 || must(message.Metadata()).NumPending > 0 {
			check(message.Ack())
			continue
		}
		// At the end of the stream, when nothing comes again, a link that is open is a fault.
		check(message.DoubleAck(ctx))
		if info := must(consumer.Info(ctx)); info.NumPending > 0 || info.NumAckPending > 0 {
			continue
		}
		for at, event := range waiting {
			log.Printf("broken chain: writer %s: what event %s follows is missing or altered", at.writer, event.id)
		}
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
