package optim

import (
	"errors"
	"fmt"
)

// CheckDevices says why the pairs of a step cannot be shared out among devices, and which numbers
// could; nil when they can. micro is Options.MicroBatch; no devices are one.
func CheckDevices(batch, micro, devices int) error {
	devices = max(1, devices)
	check := func(what string, pairs int) error {
		if pairs%devices == 0 {
			return nil
		}
		can := fmt.Sprint((pairs/devices + 1) * devices)
		if below := pairs / devices * devices; below > 0 {
			can = fmt.Sprintf("%d or %s", below, can)
		}
		return fmt.Errorf("a %s of %d cannot be shared out evenly among %d devices: %s can", what, pairs, devices, can)
	}
	if micro == 0 {
		return check("batch", batch)
	}
	return errors.Join(check("batch", batch), check("micro-batch", micro))
}
