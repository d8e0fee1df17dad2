package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// DiskOf is one disk of a Wukong, by names.
type DiskOf struct{ Wukong, Disk string }

// SameVolume gives the disks of other Wukongs of the namespace whose volume would have the name of this one's: disk b-c of
// Wukong a and disk c of Wukong a-b are both volume a-b-c. The names are NovaSphere's, so they stay; who comes second is refused.
func SameVolume(wukong, disk string) []DiskOf {
	name := DiskVolumeName(wukong, disk)
	var out []DiskOf
	for i := 1; i < len(name)-1; i++ {
		if other := (DiskOf{name[:i], name[i+1:]}); name[i] == '-' && other.Wukong != wukong {
			out = append(out, other)
		}
	}
	return out
}

// VolumeTaken says why a Wukong cannot have the disk of that index: the volume of its name is somebody else's.
func VolumeTaken(wukong string, index int, disk string, holder DiskOf) Problem {
	return Problem{Reason: v1alpha1.ReasonNameTaken, Path: specPath.Child("disks").Index(index).Child("name").String(),
		Message: fmt.Sprintf("the volume would be named %s, as that of disk %s of Wukong %s is: give the disk another name", DiskVolumeName(wukong, disk), holder.Disk, holder.Wukong)}
}

// volumes holds Wukongs one of whose disks would have a volume that an older one has.
func (p *planner) volumes() {
	order := slices.Clone(p.wukongs)
	slices.SortStableFunc(order, func(a, b *planned) int { return cmp.Or(a.since.Compare(b.since), a.object.compare(b.object)) })
	type volume struct{ namespace, name string }
	holders := map[volume]DiskOf{}
	for _, w := range order {
		if w.request.Machine == nil {
			continue
		}
		own := map[volume]DiskOf{}
		for i, d := range w.request.Machine.Disks {
			key := volume{w.object.Namespace, DiskVolumeName(w.object.Name, d.Name)}
			if holder, found := holders[key]; found {
				w.held = true
				p.find(w.object, SeverityError, VolumeTaken(w.object.Name, i, d.Name, holder))
			}
			own[key] = DiskOf{w.object.Name, d.Name}
		}
		if !w.held {
			maps.Copy(holders, own)
		}
	}
}
