"""How fast and how accurate is the tutorial recipe as a hand-written PyTorch loop?

The recipe is Keras', and so are the initial weights here: most of the test part lies beyond the training range, and
with nn.LSTM's own initial weights the test error there is several times larger (the time is the same).
"""

import time

import torch
from torch import Tensor, nn

from bench.tutorial import recipe


class Forecaster(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, recipe.UNITS, num_layers=2, batch_first=True)
        self.head = nn.Linear(recipe.UNITS, 1)
        self.start_as_keras()

    @torch.no_grad()
    def start_as_keras(self) -> None:
        """Glorot-uniform kernels, orthogonal recurrent kernels, biases 0 but 1 for the forget gate."""
        for name, parameter in self.named_parameters():
            if "weight_hh" in name:
                nn.init.orthogonal_(parameter)
            elif "weight" in name:
                nn.init.xavier_uniform_(parameter)
            else:
                nn.init.zeros_(parameter)
                if "bias_ih" in name:
                    parameter[recipe.UNITS : 2 * recipe.UNITS] = 1.0

    def forward(self, x: Tensor) -> Tensor:
        hidden, _ = self.lstm(x)
        return self.head(hidden[:, -1])


def fit(
    model: Forecaster, x: Tensor, y: Tensor, epochs: int, max_steps: int | None
) -> tuple[recipe.Marks, list[float]]:
    """Train; return the clock around the epochs and after every step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.LEARNING_RATE)
    marks: recipe.Marks = [(0, time.perf_counter())]
    stamps: list[float] = []
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(recipe.BATCH)[:max_steps]:
            loss = nn.functional.mse_loss(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            stamps.append(time.perf_counter())
        marks.append((len(stamps), time.perf_counter()))
    return marks, stamps


@torch.inference_mode()
def predict(model: Forecaster, x: Tensor) -> recipe.Array:
    return torch.cat([model(part) for part in x.split(1024)]).double().numpy()


def main() -> None:
    seconds_import = recipe.seconds_since_start()
    args = recipe.arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    data = recipe.read_series(args.csv, args.column)
    x, x_test = (torch.tensor(a, dtype=torch.float32).unsqueeze(-1) for a in (data.x_train, data.x_test))
    y = torch.tensor(data.y_train, dtype=torch.float32).unsqueeze(-1)
    model = Forecaster()

    single = args.mode == "steps"
    marks, stamps = fit(model, x, y, 1 if single else args.epochs, args.steps if single else None)
    report = recipe.Report(
        "PyTorch",
        ("torch", "numpy"),
        seconds_import,
        marks[-1][1] - marks[0][1],
        len(stamps),
        recipe.ms_per_single_step(stamps) if single else recipe.ms_per_epoch_step(marks),
        recipe.STEP_MEDIAN if single else recipe.EPOCH_MEDIAN,
    )
    if args.mode == "command":
        report.train_rmse = data.rmse(predict(model, x), data.y_train)
        report.test_rmse = data.rmse(predict(model, x_test), data.y_test)
        report.naive_rmse = data.naive_rmse
    report.print()


if __name__ == "__main__":
    main()
