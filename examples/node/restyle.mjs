// Restyle a photo with onnxruntime-node and sharp.
//
//     npm install --ignore-scripts
//     node restyle.mjs great_wave.onnx photo.jpg restyled.png
//
// onnxruntime-node passes over optional inputs: for the strength, take what `export-style great_wave --dial required`
// writes:
//
//     node restyle.mjs great_wave-dial.onnx photo.jpg restyled.png 0.5
import ort from "onnxruntime-node";
import sharp from "sharp";

const [model, photo, result, strength = 1] = process.argv.slice(2);
const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 });
const image = sharp(photo).autoOrient().toColourspace("srgb").removeAlpha();
const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
const { width, height } = info;
const feeds = { image: new ort.Tensor("uint8", data, [1, height, width, 3]) };
if (session.inputNames.includes("strength")) feeds.strength = new ort.Tensor("float32", [Number(strength)], []);
const { stylized } = await session.run(feeds);
await sharp(stylized.data, { raw: { width, height, channels: 3 } }).toFile(result);
