package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"react/data/fetch"
	"react/data/fetch/list"
	"react/data/image"
	"react/data/words"
	"react/runner/cli"
	"react/runner/retrieved"
)

// fetchOptions are the flags of fetch.
type fetchOptions struct {
	fetch.Options
	store     string
	contact   string
	bandwidth string
	maxBytes  string
	retry     bool
	retryAll  bool
}

func newFetch() *cobra.Command {
	var o fetchOptions
	cmd := &cobra.Command{
		Use:   "fetch SWEEP|TRIAL|LIST --to DIR",
		Short: "Fetch the images of retrieved pairs, politely, into img2dataset's layout",
		Long: `fetch gets the images of the pairs that the trials of a sweep retrieved, each
address once, into DIR: webdataset tars with a parquet file and counts beside each,
as img2dataset writes them. A pool of embeddings then has its images:

  pool: mine: {embeddings: "laion/embeddings", shards: "DIR/*.tar"}

LIST is a .parquet, .csv or .tsv file with columns URL and TEXT (or url and
caption), a .txt file of an address a line, or a pattern of such files in quotes.
Killed at any moment, the same command goes on; with more trials or another list it
fetches what DIR has not had. --retry-failed asks again for what failed and may
come now.

Each site has a rate and a number of connections of its own; robots.txt,
X-Robots-Tag (noai, noimageai, noindex, noimageindex) and Retry-After are kept;
what fails for now is asked again with growing pauses. --contact puts an address
into the User-Agent by which site owners can reach you.

Addresses of this machine, of private networks and of other special ranges are
refused, where redirects and DNS lead too. A proxy that the environment names
(HTTP_PROXY, HTTPS_PROXY, NO_PROXY) is used; behind it only the name of a site and
what DNS says of it here can be checked.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := o.settle(); err != nil {
				return cli.Usage(err)
			}
			return o.run(cmd.Context(), given[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cli.StoreFlag(cmd, &o.store)
	o.flags(cmd)
	return cmd
}

func (o *fetchOptions) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.Dir, "to", "", "`directory` to fill")
	flags.StringVar(&o.Shape.Mode, "resize", "keep_ratio", "`mode`: "+strings.Join(image.FitModes, ", "))
	flags.IntVar(&o.Shape.Size, "size", 256, "`pixels` of the side that the mode speaks of")
	flags.BoolVar(&o.Shape.OnlyIfBigger, "only-if-bigger", false, "leave smaller images as they are")
	flags.BoolVar(&o.Shape.SkipReencode, "skip-reencode", false, "keep the bytes of what is not resized and of the format already")
	flags.StringVar(&o.Shape.Format, "format", "jpg", "`format` of the images: "+strings.Join(fetch.Formats, ", "))
	flags.IntVar(&o.Shape.Quality, "quality", 0, "of jpg 1 to 100 (default 95), of png the effort of compression, 1 to 9 (default 6)")
	flags.IntVar(&o.Shape.MinSize, "min-size", 0, "least `pixels` of the shorter side; images below it fail")
	flags.IntVar(&o.Shape.MaxArea, "max-area", 0, "most `pixels` of an image (default: any)")
	flags.Float64Var(&o.Shape.MaxAspect, "max-aspect", 0, "most of the longer side over the shorter (default: any)")
	flags.IntVar(&o.PerShard, "per-shard", 10_000, "addresses of a tar")
	flags.IntVar(&o.Workers, "workers", 64, "requests at a time")
	flags.Float64Var(&o.HostRate, "host-rate", 5, "requests a second to one site")
	flags.IntVar(&o.HostConns, "host-connections", 2, "connections to one site")
	flags.StringVar(&o.bandwidth, "bandwidth", "", "cap for all, `bytes` a second, such as 20MiB (default: none)")
	flags.DurationVar(&o.Timeout, "timeout", 30*time.Second, "of one request")
	flags.IntVar(&o.Retries, "retries", 3, "of failures that may pass")
	flags.StringVar(&o.maxBytes, "max-bytes", "20MiB", "largest body")
	flags.StringVar(&o.contact, "contact", "", "`address` (mail or page) for the User-Agent")
	flags.StringVar(&o.UserAgent, "user-agent", "", "another User-Agent; robots.txt means it by its first word")
	flags.BoolVar(&o.retry, "retry-failed", false, "ask again for failures that may have passed: timeouts, resets, 429, 5xx")
	flags.BoolVar(&o.retryAll, "retry-all", false, "ask again for every failure")
	flags.BoolVar(&o.IgnoreRobots, "ignore-robots", false, "for sites of your own: no robots.txt, no X-Robots-Tag")
	flags.BoolVar(&o.AllowPrivate, "allow-private", false, "fetch from this machine and from addresses that are not of the internet too")
}

// settle checks the flags and turns them into options.
func (o *fetchOptions) settle() error {
	if o.Dir == "" {
		return errors.New("fetch needs --to DIR")
	}
	var err error
	if o.bandwidth != "" {
		if o.Bandwidth, err = cli.ParseBytes(o.bandwidth); err != nil || o.Bandwidth < 1 {
			return fmt.Errorf("--bandwidth %s: want bytes a second, such as 20MiB", o.bandwidth)
		}
	}
	if o.MaxBytes, err = cli.ParseBytes(o.maxBytes); err != nil || o.MaxBytes < 1 {
		return fmt.Errorf("--max-bytes %s: want bytes, such as 20MiB", o.maxBytes)
	}
	size := o.Shape.Size
	o.Shape = o.Shape.WithDefaults()
	o.Shape.Size = size // 0 is a mistake, not a default
	if err := o.Shape.Validate(); err != nil {
		return err
	}
	switch {
	case o.Workers < 1 || o.HostRate <= 0 || o.HostConns < 1 || o.Retries < 0 || o.Timeout <= 0:
		return errors.New("--workers, --host-rate, --host-connections and --timeout are more than 0, --retries is not less")
	case o.PerShard < 2 || o.PerShard > 1_000_000:
		return fmt.Errorf("--per-shard %d: 2 to 1,000,000", o.PerShard)
	case o.contact != "" && o.UserAgent != "":
		return errors.New("--contact and --user-agent: one of them")
	}
	if o.Retries == 0 {
		o.Retries = -1
	}
	if o.contact != "" {
		o.UserAgent = strings.TrimSuffix(fetch.DefaultAgent, ")") + "; " + o.contact + ")"
	}
	if o.retry {
		o.RetryFailed = "temporary"
	}
	if o.retryAll {
		o.RetryFailed = "all"
	}
	return nil
}

func (o *fetchOptions) run(ctx context.Context, name string, stdout, stderr io.Writer) error {
	all, ok, err := list.Open(name)
	if !ok {
		all, err = retrieved.Items(o.store, name, stderr)
	}
	if err != nil {
		return err
	}
	var left list.LeftOut
	items := left.WithAddress(all)
	line := &fetchLine{w: stderr, started: time.Now()}
	o.Progress = line.show
	stats, err := fetch.Run(ctx, items, o.Options)
	line.end()
	if stats.Items > 0 {
		printFetched(stdout, o.Dir, stats)
	}
	printLeftOut(stdout, left)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return cli.NoRoom(fmt.Errorf("%w; nothing that was fetched is lost: make room and run the same command", err))
	}
	return err
}

// fetchLine tells how far a fetch is, every ten seconds.
type fetchLine struct {
	w       io.Writer
	started time.Time
	told    time.Time
	last    fetch.Stats
}

func (l *fetchLine) show(s fetch.Stats) {
	l.last = s
	if now := time.Now(); now.Sub(l.told) >= 10*time.Second || l.told.IsZero() {
		l.told = now
		l.print()
	}
}

func (l *fetchLine) end() {
	if !l.told.IsZero() {
		l.print()
	}
}

func (l *fetchLine) print() {
	s := l.last
	perSecond := float64(s.Fetched) / max(s.Elapsed.Seconds(), 1e-3)
	left := ""
	if rest := s.Items - s.Done; rest > 0 && perSecond > 0 {
		left = ", " + cli.Seconds(time.Duration(float64(rest)/perSecond*float64(time.Second)).Round(time.Second)) + " left"
	}
	fmt.Fprintf(l.w, "fetch: %s of %s, %s images, %.1f/s, %s/s%s\n", cli.Thousands(s.Done), cli.Thousands(s.Items), cli.Thousands(s.Succeeded), perSecond,
		words.Bytes(int64(float64(s.Bytes)/max(s.Elapsed.Seconds(), 1e-3))), left)
}

// printFetched is the summary.
func printFetched(w io.Writer, dir string, s fetch.Stats) {
	fmt.Fprintf(w, "%s: %s of %s answered, %s images\n", dir, cli.Thousands(s.Done), cli.Thousands(s.Items)+" addresses", cli.Thousands(s.Succeeded))
	causes := slices.SortedFunc(maps.Keys(s.Causes), func(a, b string) int {
		if s.Causes[a] != s.Causes[b] {
			return s.Causes[b] - s.Causes[a]
		}
		return strings.Compare(a, b)
	})
	for i, cause := range causes {
		if i == 12 {
			fmt.Fprintf(w, "  and %d other causes\n", len(causes)-i)
			break
		}
		fmt.Fprintf(w, "  failed: %s  %s\n", cause, cli.Thousands(s.Causes[cause]))
	}
	if s.Temporary > 0 && s.Done == s.Items {
		fmt.Fprintf(w, "  %s may come now: --retry-failed\n", cli.Thousands(s.Temporary))
	}
}

// printLeftOut says what was left out of a list, if anything.
func printLeftOut(w io.Writer, l list.LeftOut) {
	if l.NoAddress > 0 {
		fmt.Fprintf(w, "  %s without an address, not fetched\n", words.Plural(l.NoAddress, "row"))
	}
	if l.NotText > 0 {
		fmt.Fprintf(w, "  %s not in UTF-8: letters of another encoding are replaced "+
			"(save the list as UTF-8)\n", words.Plural(l.NotText, "row"))
	}
}
