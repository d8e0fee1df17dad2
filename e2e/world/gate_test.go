package world

import (
	"net/http"
	"testing"
	"time"
)

func TestACrashThatIsUnderWayIsToldToWhoArmsTheNextMishap(t *testing.T) {
	gate := NewGate(Site{Occurrence: 1}, CrashUnanswered)
	left, land := make(chan struct{}), make(chan struct{})
	connection := gate.Wrap(roundTripper(func(*http.Request) (*http.Response, error) {
		close(left)
		<-land
		return &http.Response{Body: http.NoBody}, nil
	}))
	write, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://127.0.0.1/apis/vm.novasphere.dev/v1alpha1/addressleases/a", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		resp, err := connection.RoundTrip(write)
		if err == nil {
			resp.Body.Close()
		}
		answered <- err
	}()
	<-left
	gate.Arm(Site{Occurrence: 1}, CrashBefore)
	select {
	case <-gate.Struck():
		t.Error("the crash was told before the write took effect")
	default:
	}
	close(land)
	select {
	case <-gate.Struck():
	case <-time.After(10 * time.Second):
		t.Fatal("the crash was not told")
	}
	if err := <-answered; err == nil {
		t.Error("the dead controller got an answer")
	}
}
