package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"novasphere.dev/wukong-network/cmd/kubectl-wukong/style"
	"novasphere.dev/wukong-network/query/answer"
)

// Size of a map where there is no terminal to ask, and room for what stands around it where there is one.
const (
	usualColumns = 80
	usualRows    = 24
	aroundMap    = 8
)

func newPoolShow(std streams) *cobra.Command {
	var show *showing
	c := &cobra.Command{
		Use:   "show POOL",
		Short: "Show how full a pool is, and a map of it",
		Long: `Shows how many addresses of a pool are used, are kept for somebody or out of use, rest and are free, counted from the leases;
what its status says is wrong; and a map with one sign per address, or per block of addresses where there are many.

Exit codes: 0 done; 1 there is no such pool; 2 wrong usage; 3 the cluster cannot be reached, or refuses the rights.`,
		Example: `  kubectl wukong pool show office`,
		Args:    oneArg("the name of an AddressPool"),
		RunE:    func(c *cobra.Command, args []string) error { return show.pool(c, args[0]) },
	}
	show = newShowing(c, std, outputTable, outputJSON, outputYAML)
	show.viaManager(c)
	c.ValidArgsFunction = first(show.completing(suggestPools))
	return c
}

func (s *showing) pool(c *cobra.Command, name string) error {
	if err := s.check(c); err != nil {
		return err
	}
	from, err := s.answering(true)
	if err != nil {
		return err
	}
	report, err := from.Pool(c.Context(), name, sizeOf(s.std.out))
	if err != nil {
		return notFound(err)
	}
	if s.structured() {
		return answer.Structured(s.std.out, s.output, report)
	}
	return report.Write(s.std.out, paletteFor(s.style()))
}

// sizeOf is the room for a map.
func sizeOf(out io.Writer) answer.Size {
	if f, ok := out.(*os.File); ok {
		if columns, rows, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return answer.Size{Columns: columns, Rows: rows - aroundMap}
		}
	}
	return answer.Size{Columns: usualColumns, Rows: usualRows - aroundMap}
}

// paletteFor colours a map where the rest would be coloured.
func paletteFor(s style.Style) answer.Palette {
	if s.Color {
		return answer.Colours()
	}
	return nil
}
