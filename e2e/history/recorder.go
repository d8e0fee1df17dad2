package history

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
)

// Recorder writes down each revision of AddressLeases and Wukongs as the store has it. It speaks to etcd itself, through the
// JSON gateway of its client port, so it sees what no cache and no API server shows, in one order.
type Recorder struct {
	etcd   *url.URL
	client http.Client

	mu       sync.Mutex
	changed  *sync.Cond
	events   []Event
	revision int64 // of the last answer
	err      error // why the recording ended
}

// Record begins at the store's first revision, and goes on until ctx ends. The store must not have been compacted yet, which
// an API server does every five minutes.
func Record(ctx context.Context, etcd *url.URL) (*Recorder, error) {
	// An idle connection would keep etcd from stopping.
	r := &Recorder{etcd: etcd, client: http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	r.changed = sync.NewCond(&r.mu)
	var request struct {
		Create struct {
			Key   []byte `json:"key"`
			End   []byte `json:"range_end"`
			Start string `json:"start_revision"`
		} `json:"create_request"`
	}
	request.Create.Key, request.Create.End, request.Create.Start = []byte(prefix), pastPrefix(prefix), "1"
	body, err := r.post(ctx, "/v3/watch", request)
	if err != nil {
		return nil, err
	}
	go r.follow(body)
	return r, nil
}

// pastPrefix is the first key after all keys with a prefix.
func pastPrefix(prefix string) []byte {
	end := []byte(prefix)
	end[len(end)-1]++
	return end
}

func (r *Recorder) post(ctx context.Context, path string, request any) (io.ReadCloser, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.etcd.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s: %s", req.URL, resp.Status)
	}
	return resp.Body, nil
}

// watchAnswer is one message of etcd's watch. 64-bit numbers come as text.
type watchAnswer struct {
	Result struct {
		Header   answerHeader `json:"header"`
		Canceled bool         `json:"canceled"`
		Reason   string       `json:"cancel_reason"`
		Compact  string       `json:"compact_revision"`
		Events   []struct {
			Type string `json:"type"` // PUT is left out
			KV   struct {
				Key      []byte `json:"key"`
				Value    []byte `json:"value"`
				Revision string `json:"mod_revision"`
			} `json:"kv"`
		} `json:"events"`
	} `json:"result"`
	Error json.RawMessage `json:"error"`
}

type answerHeader struct {
	Revision string `json:"revision"`
}

func (r *Recorder) follow(body io.ReadCloser) {
	defer body.Close()
	decoder := json.NewDecoder(body)
	for {
		var answer watchAnswer
		err := decoder.Decode(&answer)
		if err == nil && (answer.Result.Canceled || answer.Error != nil) {
			err = fmt.Errorf("etcd ended the watch: %s %s (compacted at %s)", answer.Result.Reason, answer.Error, answer.Result.Compact)
		}
		if err == nil {
			err = r.note(answer)
		}
		if err != nil {
			r.mu.Lock()
			r.err = err
			r.changed.Broadcast()
			r.mu.Unlock()
			return
		}
	}
}

func (r *Recorder) note(answer watchAnswer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.changed.Broadcast()
	for _, change := range answer.Result.Events {
		revision, err := strconv.ParseInt(change.KV.Revision, 10, 64)
		if err != nil {
			return fmt.Errorf("revision of %s: %w", change.KV.Key, err)
		}
		value := change.KV.Value
		if change.Type == "DELETE" {
			value = nil
		}
		event, ours, err := decode(string(change.KV.Key), value, revision)
		if err != nil {
			return err
		}
		if ours {
			r.events = append(r.events, event)
		}
		r.revision = revision
	}
	return nil
}

// Sync waits until everything that was stored before the call is recorded. It writes a key of its own for that, where the API
// server does not look.
func (r *Recorder) Sync(ctx context.Context) error {
	request := struct {
		Key   []byte `json:"key"`
		Value []byte `json:"value"`
	}{[]byte(prefix + "~recorder"), []byte("sync")}
	body, err := r.post(ctx, "/v3/kv/put", request)
	if err != nil {
		return err
	}
	defer body.Close()
	var answer struct {
		Header answerHeader `json:"header"`
	}
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return err
	}
	revision, err := strconv.ParseInt(answer.Header.Revision, 10, 64)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { r.mu.Lock(); r.changed.Broadcast(); r.mu.Unlock() })
	defer stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.revision < revision {
		if r.err != nil {
			return fmt.Errorf("the recording ended at revision %d: %w", r.revision, r.err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.changed.Wait()
	}
	return nil
}

// Events are those so far from the one with this index, in order.
func (r *Recorder) Events(from int) []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events[min(from, len(r.events)):])
}

// Len is how many events there are so far.
func (r *Recorder) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.events)
}
