package answer

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
	"novasphere.dev/wukong-network/ipam"
	"novasphere.dev/wukong-network/render"
)

// PoolList are pools by name, with what their status says.
type PoolList struct {
	metav1.TypeMeta `json:",inline"`
	Items           []PoolSummary `json:"items"`
}

// PoolSummary is what the status of a pool says. Numbers are decimal, or powers of two; they are empty where the controller has
// not counted yet.
type PoolSummary struct {
	Name     string `json:"name"`
	Subnet   string `json:"subnet"`
	Segment  string `json:"segment"`
	Gateway  string `json:"gateway,omitempty"`
	Total    string `json:"total,omitempty"`
	Used     string `json:"used,omitempty"`
	Reserved string `json:"reserved,omitempty"`
	Cooling  string `json:"cooling,omitempty"`
	Free     string `json:"free,omitempty"`
	// Missing is how many addresses Wukongs wait for, Conflicts how many addresses of the pool something collides with.
	Missing   string `json:"missing,omitempty"`
	Conflicts string `json:"conflicts,omitempty"`
	// Ready, Reason and Message are those of the condition Ready.
	Ready   string `json:"ready,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
}

// NewPoolList reads pools.
func NewPoolList(pools []v1alpha1.AddressPool) *PoolList {
	out := &PoolList{TypeMeta: Report("PoolList"), Items: []PoolSummary{}}
	for i := range pools {
		p := &pools[i]
		ready := readyOf(p)
		s := PoolSummary{Name: p.Name, Subnet: string(p.Spec.Subnet), Segment: SegmentName(p.Spec.Segment), Gateway: gatewayOf(p),
			Total: p.Status.Total, Free: p.Status.Free, Ready: string(ready.Status), Reason: ready.Reason, Message: ready.Message}
		if known(p) {
			s.Used, s.Reserved, s.Cooling = number(p.Status.Allocated), number(p.Status.Reserved), number(p.Status.Cooling)
			s.Missing, s.Conflicts = number(p.Status.Missing), number(p.Status.Conflicts)
		}
		out.Items = append(out.Items, s)
	}
	slices.SortFunc(out.Items, func(a, b PoolSummary) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Table has one row per pool.
func (l *PoolList) Table(wide bool) Table {
	t := Table{Header: []string{"NAME", "SUBNET", "SEGMENT", "TOTAL", "USED", "RESERVED", "COOLING", "FREE", "READY"}}
	if wide {
		t.Header = append(t.Header, "GATEWAY", "MISSING", "CONFLICTS", "REASON", "MESSAGE")
	}
	for _, p := range l.Items {
		row := []string{p.Name, p.Subnet, p.Segment, p.Total, p.Used, p.Reserved, p.Cooling, p.Free, p.Ready}
		if wide {
			row = append(row, p.Gateway, p.Missing, p.Conflicts, p.Reason, p.Message)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// WriteNames prints the name of each pool, as kubectl takes it.
func (l *PoolList) WriteNames(w io.Writer) error {
	for _, p := range l.Items {
		if _, err := fmt.Fprintln(w, "addresspool."+v1alpha1.GroupVersion.Group+"/"+Printable(p.Name)); err != nil {
			return err
		}
	}
	return nil
}

// known says whether the controller has counted.
func known(p *v1alpha1.AddressPool) bool { return p.Status.Total != "" }

func number(n int64) string { return strconv.FormatInt(n, 10) }

func readyOf(p *v1alpha1.AddressPool) metav1.Condition {
	if ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		return *ready
	}
	return metav1.Condition{}
}

func gatewayOf(p *v1alpha1.AddressPool) string {
	if p.Spec.Gateway == nil {
		return ""
	}
	return string(*p.Spec.Gateway)
}

// PoolReport is how full a pool is, counted from leases, with what its status says.
type PoolReport struct {
	metav1.TypeMeta `json:",inline"`
	Name            string `json:"name"`
	Segment         string `json:"segment"`
	Subnet          string `json:"subnet"`
	Gateway         string `json:"gateway,omitempty"`
	// Total is how many addresses the pool may give out: the sum of the numbers below. All are decimal, or powers of two. They
	// are counted as the controller counts those of the status.
	Total string `json:"total"`
	// Used have a holder, those that are being released included. Reserved wait for their holder, or are kept out of use by
	// AddressReservations or by other pools of the segment. Cooling rest after their release.
	Used     string `json:"used"`
	Reserved string `json:"reserved"`
	Cooling  string `json:"cooling"`
	Free     string `json:"free"`
	// Missing is how many addresses Wukongs wait for, as the status says.
	Missing int64 `json:"missing,omitempty"`
	// Outside are leases that were taken from the pool and that it would not give out today, as the status says.
	Outside []string `json:"outside,omitempty"`
	// Problems are what is wrong with the pool, as the status and the check of its spec say.
	Problems []string `json:"problems,omitempty"`
	// Map shows the addresses; absent when the spec cannot be read.
	Map *Map `json:"map,omitempty"`
}

// Pool reports on a pool. leases are those of its segment.
func (d *Declared) Pool(pool *render.Pool, leases []v1alpha1.AddressLease, size Size) *PoolReport {
	p := pool.Object
	r := &PoolReport{TypeMeta: Report("AddressPoolReport"), Name: p.Name, Segment: pool.Segment.String(), Subnet: string(p.Spec.Subnet),
		Gateway: gatewayOf(p), Missing: p.Status.Missing, Outside: p.Status.Outside, Problems: problems(pool)}
	offer := d.Pools.Offer(pool, d.Reservations)
	var space ipam.Space
	space.Attach("pool", pool.Config)
	space.Attach("offer", offer)
	occupy(&space, leases)
	counts, total, free := space.Counts("pool"), pool.Config.Size(), space.FreeIn("offer")
	used, cooling := ipam.CountOf(uint64(counts.Allocated+counts.Releasing)), ipam.CountOf(uint64(counts.Cooling))
	r.Total, r.Used, r.Cooling, r.Free = total.String(), used.String(), cooling.String(), free.String()
	r.Reserved = total.Sub(free).Sub(used).Sub(cooling).String()
	if pool.Config.Subnet().IsValid() {
		r.Map = d.newMap(pool, offer, leases, size)
	}
	return r
}

// problems are what the check of the spec says, and what the status says beside it.
func problems(pool *render.Pool) []string {
	var out []string
	add := func(text string) {
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	if pool.Problem != nil {
		add(pool.Problem.Reason + ": " + pool.Problem.String())
	}
	for _, c := range pool.Object.Status.Conditions {
		switch {
		case c.Type == v1alpha1.ConditionStalled, c.Type == v1alpha1.ConditionReconciling:
			// Their reason and message are those of Ready.
		case c.Status != metav1.ConditionTrue, c.Reason != v1alpha1.ReasonPoolReady:
			add(c.Reason + ": " + c.Message)
		}
	}
	for _, w := range pool.Warnings {
		if w.Reason == v1alpha1.ReasonPoolOverlap || w.Reason == v1alpha1.ReasonSubnetOnTwoSegments || w.Reason == v1alpha1.ReasonPrefixLengthMismatch {
			add(w.Reason + ": " + w.String())
		}
	}
	return out
}

// Write prints the report. The palette colours the map.
func (r *PoolReport) Write(w io.Writer, palette Palette) error {
	var out strings.Builder
	line := func(format string, args ...any) {
		fmt.Fprintln(&out, Printable(fmt.Sprintf(format, args...)))
	}
	gateway := "no gateway"
	if r.Gateway != "" {
		gateway = "gateway " + r.Gateway
	}
	line("%s: %s on segment %s, %s", r.Name, r.Subnet, r.Segment, gateway)
	line("%s total, %s used, %s reserved, %s cooling, %s free", r.Total, r.Used, r.Reserved, r.Cooling, r.Free)
	if r.Missing > 0 {
		line("waiting: Wukongs ask for %d more than it can give", r.Missing)
	}
	if len(r.Outside) > 0 {
		line("outside: %s: taken from it, and not given out today", strings.Join(r.Outside, ", "))
	}
	for _, p := range r.Problems {
		line("%s", p)
	}
	if _, err := io.WriteString(w, out.String()); err != nil {
		return err
	}
	if r.Map == nil {
		return nil
	}
	return r.Map.write(w, palette)
}
