// A log of tessera's, in a folder, that publishes only what the witnesses of its policy have cosigned.
//
//	tessera FOLDER KEY POLICY ENTRIES
//
// Adds that many entries to the log, which it makes if there is none, with the private key (a note's) and the policy in
// these files. Prints the size of the checkpoint that it then published; exits 1 if the policy is not met.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

const (
	interval       = 200 * time.Millisecond
	publishTimeout = 20 * time.Second
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("usage: tessera FOLDER KEY POLICY ENTRIES")
	}
	key, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(key)))
	if err != nil {
		return err
	}
	policy, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	witnesses, err := tessera.NewWitnessGroupFromPolicy(policy)
	if err != nil {
		return err
	}
	entries, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	size, err := grow(args[0], signer, witnesses, entries)
	if err == nil {
		fmt.Println(size)
	}
	return err
}

// grow adds the entries, and waits until a checkpoint that covers them is published.
func grow(folder string, signer note.Signer, witnesses tessera.WitnessGroup, entries int) (uint64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
	defer cancel()
	driver, err := posix.New(ctx, posix.Config{Path: folder})
	if err != nil {
		return 0, err
	}
	// What witnesses get to answer is left as tessera has it: one second.
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(interval).
		WithBatching(256, interval).
		WithWitnesses(witnesses, nil)
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return 0, err
	}
	awaiter := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, interval)
	var size uint64
	futures := make([]tessera.IndexFuture, 0, entries)
	for number := range entries {
		entry := fmt.Appendf(nil, "%s entry %d of %d", time.Now(), number, entries)
		futures = append(futures, appender.Add(ctx, tessera.NewEntry(entry)))
	}
	for _, future := range futures {
		index, _, err := awaiter.Await(ctx, future)
		if err != nil {
			return 0, err
		}
		size = max(size, index.Index+1)
	}
	return size, shutdown(ctx)
}
