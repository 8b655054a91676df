// Judges a log in a folder with tessera's checker: exits 0 only if every file of it agrees with the signed tree.
//
//	fsck FOLDER VKEY ORIGIN
//
// Prints "ok SIZE". tessera's own command exits 0 whatever it finds, so its library is called instead.
package main

import (
	"context"
	"fmt"
	"net/url"
	"os"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	if len(os.Args) != 4 {
		fail(fmt.Errorf("usage: fsck FOLDER VKEY ORIGIN"))
	}
	if err := judge(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fail(err)
	}
}

func judge(folder, vkey, origin string) (err error) {
	// A short bundle makes the checker panic instead of refusing.
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("the checker panicked: %v", reason)
		}
	}()
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	root := (&url.URL{Path: folder + "/"}).Path
	fetcher := client.FileFetcher{Root: root}
	checker := fsck.New(origin, verifier, &fetcher, leafHashes, fsck.Opts{N: 4})
	if err := checker.Check(context.Background()); err != nil {
		return err
	}
	checkpoint, _, _, err := client.FetchCheckpoint(context.Background(), fetcher.ReadCheckpoint, verifier, origin)
	if err != nil {
		return err
	}
	fmt.Printf("ok %d\n", checkpoint.Size)
	return nil
}

func leafHashes(data []byte) ([][]byte, error) {
	bundle := api.EntryBundle{}
	if err := bundle.UnmarshalText(data); err != nil {
		return nil, err
	}
	hashes := make([][]byte, 0, len(bundle.Entries))
	for _, entry := range bundle.Entries {
		hash := rfc6962.DefaultHasher.HashLeaf(entry)
		hashes = append(hashes, hash[:])
	}
	return hashes, nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
