package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
)

const usage = `usage: release [flags] COMMAND

  archives              build both programs for every platform, and write archives, checksums, bills of materials and krew's manifest
  sbom PROGRAM...       write PROGRAM.cdx.json beside each program
  third-party NAME      print the licenses and notices of what a program is linked with, on every platform
  vulncheck PACKAGE...  look for known vulnerabilities in the packages, seen from the root

make release, make image, make sbom and make vulncheck call it.

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("release", flag.ExitOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	root := flags.String("root", "", "folder of the repository")
	build := flags.String("build", "", "flags of go build, separated by blanks")
	out := flags.String("out", "", "folder that a release is written to; it is emptied first")
	version := flags.String("version", "", "the version, which must be the tag of the commit: v1.2.3")
	url := flags.String("url", "", "where the archives will be downloaded from, without their names; empty: no manifest for krew")
	platforms := flags.String("platforms", "", "platforms to build for, separated by commas, such as linux/amd64; empty: all")
	db := flags.String("db", "", "vulnerability database; empty: the Go team's")
	_ = flags.Parse(args)
	switch command, rest := flags.Arg(0), flags.Args()[min(1, flags.NArg()):]; {
	case command == "archives" && len(rest) == 0:
		r := release{root: *root, out: *out, version: *version, url: *url, flags: strings.Fields(*build)}
		if err := r.choose(*platforms); err != nil {
			return err
		}
		return r.write(ctx)
	case command == "sbom" && len(rest) > 0:
		for _, program := range rest {
			if err := writeBillOfMaterials(program, *root, program+".cdx.json"); err != nil {
				return err
			}
		}
		return nil
	case command == "third-party" && len(rest) == 1:
		for _, p := range programs() {
			if p.name == rest[0] {
				return writeThirdPartyLicenses(ctx, os.Stdout, *root, p.name, p.platforms...)
			}
		}
		return fmt.Errorf("there is no program %q", rest[0])
	case command == "vulncheck" && len(rest) > 0:
		return vulncheck(ctx, os.Stdout, *root, *db, rest)
	}
	flags.Usage()
	os.Exit(2)
	return nil
}
