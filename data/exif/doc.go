// Package exif reads the EXIF data of an image file as img2dataset stores them: a
// JSON object of tags in the order of the file, with the names and the words that
// ExifRead gives them ("Image Orientation": "Rotated 90 CW", "EXIF ExposureTime":
// "1/60"). JPEG, WebP and TIFF have EXIF data; another file has "{}".
//
// Maker notes, user comments, XMP and thumbnails are left out, as img2dataset
// leaves them out. Where the ExifRead that it pins reads every single byte as 0
// (its ExifVersion is "", its GPSVersionID "[0, 0, 0, 0]"), this reads the byte.
//
// Files come from the web: what points outside of the file is zero, and no file
// takes more than its own length of work.
package exif
