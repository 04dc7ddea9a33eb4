package optim

import "fmt"

// checkClasses refuses options of a classifying step that do not go together.
func (o Options) checkClasses() error {
	switch {
	case o.Classes < 0:
		return fmt.Errorf("trainer: %d classes", o.Classes)
	case o.Classes > 0 && o.mode().Text:
		return fmt.Errorf("trainer: classes against a fixed head in mode %s, which trains the text tower", o.Mode)
	case o.Classes > 0 && (o.CachedText || o.PositivesFixed):
		return fmt.Errorf("trainer: a step that classifies reads no captions")
	}
	return nil
}

// textGiven says whether a step's text features are made before it, or not needed.
func (o Options) textGiven() bool { return o.CachedText || o.classifies() }

// classifies says whether a step reads labels and no captions.
func (o Options) classifies() bool { return o.Classes > 0 || o.Head.Classes > 0 }
