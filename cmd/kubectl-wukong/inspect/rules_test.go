package inspect

import (
	"testing"

	"novasphere.dev/wukong-network/api/reasons"
)

func TestTheRulesAreAboutReasons(t *testing.T) {
	for word := range rules {
		if _, known := reasons.Find(word); !known {
			t.Errorf("%s has a rule and is no reason", word)
		}
	}
}
