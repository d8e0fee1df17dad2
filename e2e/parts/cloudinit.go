package parts

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
)

// CloudInit is the real cloud-init of a release of Debian, unpacked, and run with that release's own Python. It needs no
// root, and neither reads nor changes anything of this machine.
type CloudInit struct {
	// Release is Debian's name of the release, such as trixie.
	Release string
	// Version is cloud-init's own, such as 25.1.4.
	Version string
	python  *python
}

// Ask is what cloud-init is asked to do with a document.
type Ask string

// What can be asked. The last four convert network data into the files of a way of networking, each by the renderer that
// distributions with it use: Debian (netplan, networkd), RHEL (sysconfig), Fedora (network-manager).
const (
	// AskUserData checks user data, as cloud-init schema does.
	AskUserData Ask = "user-data"
	// AskNetworkData checks network data against cloud-init's own schema, as in guests without netplan. Versions before 23.4
	// have none.
	AskNetworkData Ask = "network-data"
	// AskNetworkDataOfNetplan checks network data as in guests with netplan: by the parser of netplan's library. Versions
	// before 24.2 do not.
	AskNetworkDataOfNetplan Ask = "network-data-of-netplan"

	AskNetplan        Ask = "netplan"
	AskNetworkd       Ask = "networkd"
	AskSysconfig      Ask = "sysconfig"
	AskNetworkManager Ask = "network-manager"
)

// Renderers are those that every version has.
var Renderers = []Ask{AskNetplan, AskNetworkd, AskSysconfig, AskNetworkManager}

// Question is a document, and what to do with it.
type Question struct {
	Ask      Ask
	Document []byte
}

// Answer is what came of a question.
type Answer struct {
	// Err is a *Refusal, or nil. The words are those of the exception that cloud-init raised, and where.
	Err error
	// Files are those that a renderer wrote, by path below the guest's root folder.
	Files map[string]string
	// Said is what cloud-init printed, or logged as a warning, where it refused nothing.
	Said string
}

// Releases with a cloud-init to ask: that of the guest root, and the oldest that is worth asking.
const cloudInitSuite = "bookworm"

// cloudInitPackages are, of what cloud-init depends on, the interpreter, its modules and libraries.
var cloudInitPackages = regexp.MustCompile(`^(cloud-init|media-types|netbase|zlib1g|python3.*|lib.*)$`)

// cloudInitSetUp counts the changes of how the part is made.
const cloudInitSetUp = 1

//go:embed cloudinit_driver.py
var cloudInitDriver string

// CloudInitsForTest returns each version of cloud-init, the oldest first, or ends the test: skipped where one is missing,
// failed where CI=true.
func CloudInitsForTest(t TB) []*CloudInit {
	t.Helper()
	all, err := LookupCloudInits()
	return require(t, all, err)
}

// LookupCloudInits looks in the cache folder, for cloud-init of Debian 12 and that of the guest root, Debian 13. The error
// wraps fs.ErrNotExist when one is not there.
func LookupCloudInits() ([]*CloudInit, error) {
	dir, err := Lookup(cloudInitPart())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing("cloud-init of Debian 12", "cloud-init", err)
	}
	if err != nil {
		return nil, err
	}
	guest, err := LookupGuestRoot()
	if err != nil {
		return nil, err
	}
	older, err := cloudInitIn(dir, cloudInitSuite)
	if err != nil {
		return nil, err
	}
	newer, err := cloudInitIn(guest.Dir, guestSuite)
	return []*CloudInit{older, newer}, err
}

// FetchCloudInit returns the folder of Debian 12's cloud-init. If it is missing, it is unpacked into the cache folder with its
// Python, some 20 MB to download and 120 MB unpacked.
func FetchCloudInit(ctx context.Context, progress io.Writer) (string, error) {
	return Fill(ctx, cloudInitPart(), func(ctx context.Context, dir string) error { return unpackCloudInit(ctx, dir, progress) })
}

func cloudInitPart() string {
	return recipe("cloud-init-"+cloudInitSuite, cloudInitPackages, cloudInitSetUp)
}

func unpackCloudInit(ctx context.Context, dir string, w io.Writer) (err error) {
	progress := StartProgress(w, "cloud-init, Debian 12")
	defer func() { progress.End(err) }()
	work := dir + ".work"
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	progress.Step("downloading package lists")
	apt, err := newDebianSource(ctx, work, cloudInitSuite)
	if err != nil {
		return fmt.Errorf("cloud-init is unpacked from packages of Debian %s: %w", cloudInitSuite, err)
	}
	progress.Step("downloading and unpacking packages")
	if err := apt.unpackSystem(ctx, dir, cloudInitPackages.MatchString, "cloud-init"); err != nil {
		return err
	}
	progress.Step("compiling Python's modules")
	if err := compilePython(ctx, dir); err != nil {
		return err
	}
	c, err := cloudInitIn(dir, cloudInitSuite)
	if err != nil {
		return err
	}
	_, err = c.Judge(ctx, nil)
	return err
}

func cloudInitIn(dir, release string) (*CloudInit, error) {
	versions, err := packageVersions(dir)
	if err != nil {
		return nil, err
	}
	version, _, _ := strings.Cut(versions["cloud-init"], "-")
	python, err := pythonIn(dir)
	return &CloudInit{Release: release, Version: version, python: python}, err
}

// String names the judge in messages.
func (c *CloudInit) String() string {
	return fmt.Sprintf("cloud-init %s (%s)", c.Version, c.Release)
}

// Knows tells whether this version can be asked.
func (c *CloudInit) Knows(ask Ask) bool {
	switch ask {
	case AskNetworkData:
		return atLeast(c.Version, "23.4")
	case AskNetworkDataOfNetplan:
		return atLeast(c.Version, "24.2")
	default:
		return true
	}
}

// Judge asks all questions in one process, and answers in their order. Network data may have the outer key network or not.
// The files that netplan guests get are not written by cloud-init since 24.1 but, as in the guest, by netplan's library, which
// refuses nothing: what it cannot read is kept as it came, and Said says so.
func (c *CloudInit) Judge(ctx context.Context, questions []Question) ([]Answer, error) {
	type question struct {
		Ask  Ask    `json:"ask"`
		Text string `json:"text"`
	}
	asked := []question{}
	for _, q := range questions {
		if !c.Knows(q.Ask) {
			return nil, fmt.Errorf("%s cannot be asked for %s", c, q.Ask)
		}
		asked = append(asked, question{q.Ask, string(q.Document)})
	}
	in, err := json.Marshal(asked)
	if err != nil {
		return nil, err
	}
	cmd := c.python.command(ctx, "-c", cloudInitDriver)
	var out, errOut bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Dir = bytes.NewReader(in), &out, &errOut, "/"
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s did not run: %w\n%s", c, errors.Join(err, ctx.Err()), errOut.String())
	}
	return c.answers(questions, out.Bytes())
}

func (c *CloudInit) answers(questions []Question, out []byte) ([]Answer, error) {
	var got []struct {
		Refusal *string           `json:"refusal"`
		Files   map[string]string `json:"files"`
		Said    string            `json:"said"`
	}
	if err := json.Unmarshal(out, &got); err != nil {
		return nil, fmt.Errorf("%s: %w in %q", c, err, out)
	}
	if len(got) != len(questions) {
		return nil, fmt.Errorf("%s: %d answers to %d questions", c, len(got), len(questions))
	}
	answers := make([]Answer, len(got))
	for i, a := range got {
		answers[i] = Answer{Files: a.Files, Said: strings.TrimSpace(a.Said)}
		if a.Refusal != nil {
			judge := fmt.Sprintf("%s: %s", c, questions[i].Ask)
			answers[i].Err = &Refusal{Judge: judge, Reason: *a.Refusal, Document: questions[i].Document}
		}
	}
	return answers, nil
}
