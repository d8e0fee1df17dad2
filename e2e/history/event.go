package history

import (
	"encoding/json"
	"fmt"
	"strings"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Event is one revision of one object: what it was from then on.
type Event struct {
	Revision int64
	Object   Object
	// Lease or Wukong is the object, by its kind; both are nil when it was deleted.
	Lease  *v1alpha1.AddressLease
	Wukong *v1alpha1.Wukong
}

// Deleted says whether the object went away with this revision.
func (e Event) Deleted() bool { return e.Lease == nil && e.Wukong == nil }

// Where the API server keeps our kinds in the store.
const (
	prefix       = "/registry/vm.novasphere.dev/"
	leasePrefix  = prefix + "addressleases/"
	wukongPrefix = prefix + "wukongs/"
)

// decode reads one change of a key; a nil value is its deletion. The bool says whether the key is of a kind that the history
// is about.
func decode(key string, value []byte, revision int64) (Event, bool, error) {
	e := Event{Revision: revision}
	switch {
	case strings.HasPrefix(key, leasePrefix):
		e.Object = Object{Kind: LeaseKind, Name: strings.TrimPrefix(key, leasePrefix)}
		if value != nil {
			e.Lease = &v1alpha1.AddressLease{}
			return e, true, explain(key, json.Unmarshal(value, e.Lease))
		}
	case strings.HasPrefix(key, wukongPrefix):
		namespace, name, _ := strings.Cut(strings.TrimPrefix(key, wukongPrefix), "/")
		e.Object = Object{Kind: WukongKind, Namespace: namespace, Name: name}
		if value != nil {
			e.Wukong = &v1alpha1.Wukong{}
			return e, true, explain(key, json.Unmarshal(value, e.Wukong))
		}
	default:
		return e, false, nil
	}
	return e, true, nil
}

func explain(key string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}
